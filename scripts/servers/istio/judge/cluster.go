package main

import (
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	kubelib "istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/test"
)

const (
	system   = "istio-system"
	injected = "sidecar.istio.io/status"
	multi    = "istio/multiCluster"
)

// Cluster is what the objects of one say.
type Cluster struct {
	name, id, network string            // network: what the injector gives to proxies
	reads             map[string]string // the servers of remote clusters, by their IDs
	objects           []runtime.Object
	configs           []config.Config
	pods              []*corev1.Pod
	services          []*corev1.Service
	nodes             map[string]*corev1.Node
	mesh              *meshconfig.MeshConfig
	networks          *meshconfig.MeshNetworks
	env               map[string]string // of istiod
}

func read(t test.Failer, name string, raw []json.RawMessage) *Cluster {
	c := &Cluster{name: name, id: name, reads: map[string]string{}, nodes: map[string]*corev1.Node{},
		mesh: mesh.DefaultMeshConfig(), env: map[string]string{}}
	decode := kubelib.IstioCodec.UniversalDeserializer().Decode
	for _, text := range raw {
		var head metav1.TypeMeta
		must(t, json.Unmarshal(text, &head))
		group, _, _ := strings.Cut(head.APIVersion, "/")
		switch {
		case strings.HasSuffix(group, "meshutils"):
		case strings.HasSuffix(group, ".istio.io"):
			configs, _, err := crd.ParseInputs(string(text))
			must(t, err)
			for i := range configs {
				configs[i].Domain = "cluster.local"
			}
			c.configs = append(c.configs, configs...)
		default:
			object, _, err := decode(text, nil, nil)
			must(t, err)
			c.take(t, object)
		}
	}
	c.objects = append(c.objects, slices(c)...)
	return c
}

func (c *Cluster) take(t test.Failer, object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Pod:
		c.pods = append(c.pods, o)
	case *corev1.Service:
		c.services = append(c.services, o)
	case *corev1.Node:
		c.nodes[o.Name] = o
	case *corev1.Secret:
		if o.Namespace == system && o.Labels[multi] == "true" {
			c.remote(t, o)
		}
	case *corev1.ConfigMap:
		c.config(t, o)
	case *appsv1.Deployment:
		if o.Name == "istiod" && o.Namespace == system {
			for _, variable := range o.Spec.Template.Spec.Containers[0].Env {
				c.env[variable.Name] = variable.Value
			}
			c.id = c.env["CLUSTER_ID"]
		}
	}
	c.objects = append(c.objects, object)
}

func (c *Cluster) remote(t test.Failer, secret *corev1.Secret) {
	for id, text := range secret.Data {
		var kubeconfig struct {
			Clusters []struct{ Cluster struct{ Server string } }
		}
		must(t, yaml.Unmarshal(text, &kubeconfig))
		if len(kubeconfig.Clusters) > 0 {
			c.reads[id] = kubeconfig.Clusters[0].Cluster.Server
		}
	}
}

func (c *Cluster) config(t test.Failer, object *corev1.ConfigMap) {
	if object.Namespace != system {
		return
	}
	var err error
	switch object.Name {
	case "istio":
		c.mesh, err = mesh.ApplyMeshConfigDefaults(object.Data["mesh"])
		must(t, err)
		c.networks, err = mesh.ParseMeshNetworks(object.Data["meshNetworks"])
		must(t, err)
	case "istio-sidecar-injector":
		var values struct{ Global struct{ Network string } }
		must(t, yaml.Unmarshal([]byte(object.Data["values"]), &values))
		c.network = values.Global.Network
	}
}

func must(t test.Failer, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// server is the address of a cluster's API server, which stands in its capture's header.
func (q *Question) server(t test.Failer, name string) string {
	for _, text := range q.Clusters[name] {
		var header struct{ Kind, Server string }
		must(t, json.Unmarshal(text, &header))
		if header.Kind == "Capture" {
			return header.Server
		}
	}
	return ""
}
