package main

import (
	"fmt"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	networking "istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/pkg/serviceregistry"
	kube "istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pilot/pkg/serviceregistry/util/label"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/gvr"
	kubelib "istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/network"
	"istio.io/istio/pkg/test"
)

// Istiod is the control plane of a cluster.
type Istiod struct {
	*networking.ConfigGenTest
	own *Cluster
}

// later hands events on to an index that is made only after those who send them.
type later struct{ model.XDSUpdater }

// start runs istiod of a cluster: it reads its own and those of `all` that its Secrets lead to.
func start(t test.Failer, own *Cluster, all map[string]*Cluster) *Istiod {
	updates := &later{model.NewEndpointIndexUpdater(model.NewEndpointIndex(model.DisabledCache{}))}
	networks := meshwatcher.NewFixedNetworksWatcher(own.networks)
	var registries []serviceregistry.Instance
	add := func(id string, of *Cluster) {
		client := kubelib.NewFakeClient(of.objects...)
		// All settings are those of the istiod that reads, but for the trust domain (from Istio 1.29 on).
		settings := proto.Clone(own.mesh).(*meshconfig.MeshConfig)
		settings.TrustDomain = of.mesh.GetTrustDomain()
		registry, _ := kube.NewFakeControllerWithOptions(t, kube.FakeControllerOptions{
			Client: client, ClusterID: cluster.ID(id), DomainSuffix: "cluster.local", XDSUpdater: updates,
			NetworksWatcher: networks, SkipRun: true, MeshWatcher: meshwatcher.NewTestWatcher(settings),
			ConfigCluster: of == own, SystemNamespace: system,
			CRDs: []schema.GroupVersionResource{gvr.AuthorizationPolicy, gvr.PeerAuthentication, gvr.WorkloadEntry, gvr.ServiceEntry},
		})
		client.RunAndWait(test.NewStop(t))
		registries = append(registries, registry)
	}
	add(own.id, own)
	for id, server := range own.reads {
		if of := all[server]; of != nil && id != own.id {
			add(id, of)
		}
	}
	gen := networking.NewConfigGenTest(t, networking.TestOptions{
		Configs: own.configs, MeshConfig: own.mesh, NetworksWatcher: networks, ServiceRegistries: registries,
		ClusterID: cluster.ID(own.id), XDSUpdater: updates, SkipRun: true,
	})
	updates.XDSUpdater = model.NewEndpointIndexUpdater(gen.Env().EndpointIndex)
	gen.Run()
	must(t, gen.Env().InitNetworksManager(updates))
	gen.Env().PushContext().InitContext(gen.Env(), nil, nil)
	return &Istiod{gen, own}
}

// proxy is that of a pod, as it connects.
func (i *Istiod) proxy(c *Cluster, pod *corev1.Pod, kind model.NodeType) *model.Proxy {
	of := pod.Labels["topology.istio.io/network"]
	if of == "" {
		of = c.network
	}
	locality := &core.Locality{}
	if node := c.nodes[pod.Spec.NodeName]; node != nil {
		locality.Region, locality.Zone = node.Labels[corev1.LabelTopologyRegion], node.Labels[corev1.LabelTopologyZone]
	}
	at := strings.TrimSuffix(fmt.Sprintf("%s/%s", locality.Region, locality.Zone), "/")
	capture := c.mesh.GetDefaultConfig().GetProxyMetadata()["ISTIO_META_DNS_CAPTURE"] == "true"
	return i.SetupProxy(&model.Proxy{
		Type: kind, ID: pod.Name + "." + pod.Namespace, IPAddresses: []string{pod.Status.PodIP},
		ConfigNamespace: pod.Namespace, Locality: locality,
		Labels: label.AugmentLabels(pod.Labels, cluster.ID(c.id), at, pod.Spec.NodeName, network.ID(of)),
		Metadata: &model.NodeMetadata{
			IstioVersion: "1.31.0", Namespace: pod.Namespace, ClusterID: cluster.ID(c.id), Network: network.ID(of),
			Labels: pod.Labels, NodeName: pod.Spec.NodeName, DNSCapture: model.StringBool(capture),
			ServiceAccount: account(pod),
		},
	})
}

func account(pod *corev1.Pod) string {
	if pod.Spec.ServiceAccountName != "" {
		return pod.Spec.ServiceAccountName
	}
	return "default"
}
